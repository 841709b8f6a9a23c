// The version of this package, for programs that cannot read package.json at run time (a bundled Worker).
// `tests/tidy` keeps it equal to package.json.

export const version = "0.1.0";
