// Fetches the servers of other makers that the integration tests start, so that the tests need not wait for them.
//   node tests/support/fetch_servers.ts

import { s3Program } from "./s3_server.ts";
import { sqldProgram } from "./sqld.ts";

console.log(sqldProgram());
console.log(s3Program());
