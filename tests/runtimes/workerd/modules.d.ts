// What the bundler of the test Worker provides besides files.

declare module "millrace:topics" {
  import type { Topic } from "../run_case.ts";
  /** One entry a file tests/conformance/*.cases.ts, loaded when its first case is asked for. */
  export const topics: readonly Topic[];
}
