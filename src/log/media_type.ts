// The media type of a Content-Type header, which is what two content types are compared by.

/** Without parameters, in lower case. */
export const mediaTypeOf = (contentType: string): string => (contentType.split(";")[0] ?? "").trim().toLowerCase();

const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;

export const isMediaType = (contentType: string): boolean =>
  contentType.length <= 512 && MEDIA_TYPE.test(mediaTypeOf(contentType));
