// `npm run docs`: writes the parts of the documents that come from data.

import { writeGenerated } from "./generated_docs.ts";

writeGenerated();
