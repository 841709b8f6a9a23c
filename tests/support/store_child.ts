// A process that holds a store, for tests of what a second one is told and of what a kill leaves behind.
//   <runtime> tests/support/store_child.ts <directory> [key]
// Prints `ready`, or `refused <code> <message>`. With a key it then commits `<key>/<n>` for ever and prints each n
// that was acknowledged.

import process from "node:process";
import { setInterval } from "node:timers";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { openLocalPlatform } from "../../adapters/local/platform.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";

const [directory = "", key] = process.argv.slice(2);
try {
  const platform = await openLocalPlatform({
    directory,
    fileRoots: [],
    log: silentLog,
    console: { print: () => undefined },
  });
  console.log("ready");
  if (key === undefined) setInterval(() => undefined, 1000);
  else {
    for (let n = 1; ; n++) {
      await platform.metadata.commit([], [{ kind: "put", key: `${key}/${n}`, value: utf8(String(n)) }]);
      console.log(n);
    }
  }
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  console.log(`refused ${error.code} ${error.message}`);
  process.exit(0);
}
