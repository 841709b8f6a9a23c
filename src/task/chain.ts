// Builds the operators of one chain from its plan, last to first, so that each knows what comes after it.
//
// A batch's way: source region -> filter (in place) -> project (own region) -> window (own region) -> sinks.
// Sinks of an output read it before the operator after it does, because a filter works in place.

import { assert, present } from "../base/assert.ts";
import { asOperatorUid, type OperatorUid } from "../base/ids.ts";
import { batchOfRows, type RecordBatch } from "../batch/record_batch.ts";
import { equalSchemas } from "../batch/schema.ts";
import type { RejectedRow } from "../connectors/source.ts";
import type { SinkConnector, SinkWriter } from "../connectors/sink.ts";
import { FilterKernel } from "../expression/filter_kernel.ts";
import { ProjectKernel } from "../expression/project_kernel.ts";
import { type ChainPlan, type OperatorNode, sinksOf, type WindowNode } from "../graph/plan.ts";
import { rejectedSchema } from "../job/resolve_job.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { allKeyGroups } from "../keygroup/key_group.ts";
import { FilterOperator } from "../operators/filter.ts";
import type { OperatorContext, Receiver, StatefulOperator } from "../operators/operator.ts";
import { ProjectOperator } from "../operators/project.ts";
import { WindowOperator } from "../operators/window.ts";
import { WindowTable, type WindowTableConfig } from "../state/window_table.ts";
import { SinkOperator } from "./sink_operator.ts";

export interface ChainContext extends OperatorContext {
  countOut(rows: number): void;
}

export interface Chain {
  /** What the source fills. */
  readonly region: BatchRegion;
  /** Takes the rows of `region`. */
  readonly head: readonly Receiver[];
  readonly stateful: readonly StatefulOperator[];
  readonly writers: ReadonlyMap<OperatorUid, SinkWriter>;
  writeRejected(rows: readonly RejectedRow[]): void;
}

export function windowTableConfig(node: WindowNode, maxParallelism: number): WindowTableConfig {
  return {
    keys: node.keyColumns,
    timestamp: node.timeColumn,
    sizeMs: node.window.sizeMs,
    offsetMs: node.window.offsetMs,
    aggregates: node.aggregates.map((one) => ({
      function: one.function,
      name: one.name,
      ...(one.column === undefined ? {} : { column: one.column }),
    })),
    maxParallelism,
    keyGroups: allKeyGroups(maxParallelism),
  };
}

export function buildChain(
  plan: ChainPlan,
  maxParallelism: number,
  kernel: KernelInstance,
  sinks: ReadonlyMap<OperatorUid, SinkConnector>,
  context: ChainContext,
): Chain {
  const writers = new Map<OperatorUid, SinkWriter>();
  for (const [uid, connector] of sinks) writers.set(uid, connector.writer());
  const stateful: StatefulOperator[] = [];

  const sinkOperators = (
    uid: OperatorUid,
    output: "main" | "late" | "rejected",
    region?: BatchRegion,
  ): SinkOperator[] =>
    sinksOf(plan, uid, output).map(
      (node) =>
        new SinkOperator(region, present(writers.get(node.uid), `the writer of sink ${node.uid}`), context.countOut),
    );

  // Receivers of what the operators before `index` leave in `region`, which the node `uid` fills.
  const receiversFrom = (index: number, uid: OperatorUid, region: BatchRegion): Receiver[] => {
    const receivers: Receiver[] = sinkOperators(uid, "main", region);
    const node = plan.operators[index];
    if (node !== undefined) receivers.push(operatorAt(node, index, region));
    return receivers;
  };

  const operatorAt = (node: OperatorNode, index: number, input: BatchRegion): Receiver => {
    assert(equalSchemas(node.input, input.schema), `operator ${node.uid} reads the columns that are there`);
    switch (node.kind) {
      case "filter":
        return new FilterOperator(
          new FilterKernel(kernel, input, node.where, node.uid),
          receiversFrom(index + 1, node.uid, input),
        );
      case "project": {
        const project = new ProjectKernel(kernel, input, node.columns, node.uid);
        return new ProjectOperator(project, receiversFrom(index + 1, node.uid, project.output));
      }
      case "window": {
        const table = new WindowTable(kernel, input, windowTableConfig(node, maxParallelism));
        assert(equalSchemas(table.outputSchema, node.output), `window ${node.uid} emits the planned columns`);
        const output = new BatchRegion(kernel, table.outputSchema);
        const late = node.lateConnected ? sinkOperators(node.uid, "late") : [];
        const next = receiversFrom(index + 1, node.uid, output);
        const operator = new WindowOperator({
          uid: asOperatorUid(node.uid),
          table,
          sizeMs: node.window.sizeMs,
          input,
          output,
          next,
          late,
          context,
        });
        stateful.push(operator);
        return operator;
      }
    }
  };

  const region = new BatchRegion(kernel, plan.source.output);
  const head = receiversFrom(0, plan.source.uid, region);
  const rejected = sinkOperators(plan.source.uid, "rejected");
  const writeRejected = (rows: readonly RejectedRow[]): void => {
    if (rejected.length === 0 || rows.length === 0) return;
    const batch = rejectedBatch(plan.source.uid, rows);
    for (const sink of rejected) sink.write(batch);
  };
  return { region, head, stateful, writers, writeRejected };
}

const rejectedBatch = (uid: OperatorUid, rows: readonly RejectedRow[]): RecordBatch =>
  batchOfRows(
    rejectedSchema,
    rows.map((row) => [uid, row.position, row.reason, row.raw]),
  );
