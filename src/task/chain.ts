// Builds the operators of one chain from its plan and connects them.
//
//   source or edge ─▶ Outlet ─▶ operator ─▶ Outlet ─▶ sinks, edges to other tasks, operators …
//
// A batch's way is a chain of calls over regions of one WASM memory. A filter works in place, and a union passes its
// input's columns on as its own: where such an operator is not alone, it gets a copy of its own.
// Readers of one output are called in this order: sinks and edges, which copy rows out, then operators.

import { present } from "../base/assert.ts";
import type { OperatorUid } from "../base/ids.ts";
import { batchOfRows } from "../batch/record_batch.ts";
import { columnIndex, equalSchemas, type Schema } from "../batch/schema.ts";
import type { SinkConnector, SinkWriter } from "../connectors/sink.ts";
import type { RejectedRow } from "../connectors/source.ts";
import { ProjectKernel } from "../expression/project_kernel.ts";
import {
  type ChainPlan,
  type JobPlan,
  type OperatorNode,
  type PlanNode,
  readersOf,
  type SinkNode,
  type SourceNode,
} from "../graph/plan.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import type { KeyedState, TimedOperator } from "../operators/keyed_state.ts";
import type { BatchReceiver } from "../operators/operator.ts";
import { ProjectOperator } from "../operators/project.ts";
import { EdgeOutput } from "./exchange/edge_output.ts";
import type { CreditedSender } from "./exchange/credited_sender.ts";
import { buildNode } from "./nodes/build_node.ts";
import type { NodeContext } from "./nodes/node_context.ts";
import { Outlet, SideLoader, WatermarkTap } from "./outlet.ts";
import { SinkOperator } from "./sink_operator.ts";

export interface ChainWiring extends Omit<NodeContext, "inputs" | "next" | "side"> {
  readonly sinks: ReadonlyMap<OperatorUid, SinkConnector>;
  /** The sending ends of an edge, one a target task. */
  readonly senders: (edge: number) => readonly CreditedSender[];
  readonly countOut: (rows: number) => void;
}

export interface SourceInlet {
  readonly node: SourceNode;
  /** What the source fills. */
  readonly outlet: Outlet;
  writeRejected(rows: readonly RejectedRow[]): void;
}

export interface Chain {
  readonly sources: readonly SourceInlet[];
  /** By edge: what its frames are loaded into. */
  readonly inlets: ReadonlyMap<number, Outlet>;
  readonly outputs: readonly EdgeOutput[];
  readonly states: readonly KeyedState[];
  readonly timed: readonly TimedOperator[];
  readonly writers: ReadonlyMap<OperatorUid, SinkWriter>;
}

export function buildChain(plan: JobPlan, chain: ChainPlan, wiring: ChainWiring): Chain {
  return new ChainBuilder(plan, chain, wiring).build();
}

type Reader = ReturnType<typeof readersOf>[number];

class ChainBuilder {
  readonly #plan: JobPlan;
  readonly #chain: ChainPlan;
  readonly #wiring: ChainWiring;
  readonly #outlets = new Map<string, Outlet>();
  readonly #sides = new Map<string, BatchReceiver[]>();
  readonly #writers = new Map<OperatorUid, SinkWriter>();
  readonly #outputs: EdgeOutput[] = [];
  readonly #states: KeyedState[] = [];
  readonly #timed: TimedOperator[] = [];

  constructor(plan: JobPlan, chain: ChainPlan, wiring: ChainWiring) {
    this.#plan = plan;
    this.#chain = chain;
    this.#wiring = wiring;
    for (const [uid, connector] of wiring.sinks) this.#writers.set(uid, connector.writer());
  }

  build(): Chain {
    const { kernel } = this.#wiring;
    const inlets = new Map<number, Outlet>();
    for (const edge of this.#plan.edges) {
      if (edge.to.chain !== this.#chain.id) continue;
      const outlet = new Outlet(new BatchRegion(kernel, edge.schema));
      inlets.set(edge.id, outlet);
      this.#outlets.set(edgeKey(edge.id), outlet);
      this.#connectCopyingReaders(outlet, readersOf(this.#chain, { edge: edge.id }));
    }
    const sources: SourceInlet[] = [];
    for (const node of this.#chain.nodes) {
      if (node.kind === "source") sources.push(this.#source(node));
      else if (node.kind !== "sink") this.#operator(node);
    }
    return {
      sources,
      inlets,
      outputs: this.#outputs,
      states: this.#states,
      timed: this.#timed,
      writers: this.#writers,
    };
  }

  #source(node: SourceNode): SourceInlet {
    const region = new BatchRegion(this.#wiring.kernel, node.output);
    if (this.#boundsSuffice(node)) region.useTimeBounds();
    const outlet = new Outlet(region);
    this.#addOutputs(node, outlet);
    const receivers = this.#sides.get(sideKey(node.uid, "rejected")) ?? [];
    const schema = node.sides.get("rejected");
    const writeRejected = (rows: readonly RejectedRow[]): void => {
      if (schema === undefined || rows.length === 0) return;
      const values = rows.map((row) => [node.uid, row.position, row.reason, row.raw]);
      const batch = batchOfRows(schema, values);
      for (const one of receivers) one.write(batch);
    };
    return { node, outlet, writeRejected };
  }

  /** Whether nobody reads a watermark of each of the source's rows: its operators are windows over its own event time. */
  #boundsSuffice({ uid, eventTime }: SourceNode): boolean {
    const { id } = this.#chain;
    if (this.#plan.edges.some(({ from }) => from.chain === id && from.uid === uid && from.output === "main"))
      return false;
    return readersOf(this.#chain, { uid, output: "main" }).every(
      ({ node }) =>
        node.kind === "sink" ||
        (node.kind === "window" &&
          node.window.kind === "tumbling" &&
          node.timeColumn === eventTime?.column &&
          node.aggregates.every((one) => one.function !== "count_distinct")),
    );
  }

  #operator(node: OperatorNode): void {
    const inputs = node.inputs.map((input, index) => this.#inputOf(node, index, input));
    // Readers of side outputs are listed before the operator is made; those of the main output are added behind it.
    for (const [name, schema] of node.sides) this.#addSide(node, name, schema);
    const next: Outlet["receivers"] = [];
    const built = buildNode(node, {
      ...this.#wiring,
      inputs: inputs.map((one) => one.region),
      next,
      side: (name) => this.#sides.get(sideKey(node.uid, name)) ?? [],
    });
    const outlet = new Outlet(built.output, next);
    built.receivers.forEach((receiver, index) => {
      inputs[index]?.receivers.push(receiver);
    });
    this.#states.push(...built.states);
    if (built.timed !== undefined) this.#timed.push(built.timed);
    this.#addOutputs(node, outlet);
  }

  #inputOf(node: OperatorNode, index: number, input: OperatorNode["inputs"][number]): Outlet {
    const key = input.edge === undefined ? outletKey(input.uid, input.output) : edgeKey(input.edge);
    const outlet = present(this.#outlets.get(key), `what input ${index} of ${node.uid} reads`);
    const from = input.edge === undefined ? { uid: input.uid, output: input.output } : { edge: input.edge };
    const operators = readersOf(this.#chain, from).filter((one) => one.node.kind !== "sink");
    const altersInput = node.kind === "filter" || node.kind === "union";
    return altersInput && operators.length > 1 ? this.#copyOf(outlet, outlet.region.schema, node.uid) : outlet;
  }

  /** The same rows with some of their columns, in a region of their own. */
  #copyOf(outlet: Outlet, schema: Schema, uid: OperatorUid): Outlet {
    const { kernel } = this.#wiring;
    const columns = schema.map(({ name, type, nullable }) => {
      const index = columnIndex(outlet.region.schema, name);
      return { name, expression: { kind: "column" as const, index, name, type, nullable } };
    });
    const copy = new ProjectKernel(kernel, outlet.region, columns, uid);
    const own = new Outlet(copy.output);
    outlet.receivers.push(new ProjectOperator(copy, own.receivers));
    return own;
  }

  /** Registers the outputs of a node and connects the readers that only copy. */
  #addOutputs(node: PlanNode, outlet: Outlet): void {
    this.#outlets.set(outletKey(node.uid, "main"), outlet);
    this.#connectCopyingReaders(outlet, readersOf(this.#chain, { uid: node.uid, output: "main" }));
    this.#connectEdges(outlet, node.uid, "main");
    if (node.kind === "source") for (const [name, schema] of node.sides) this.#addSide(node, name, schema);
    for (const name of node.sides.keys()) {
      const side = this.#outlets.get(outletKey(node.uid, name));
      if (side !== undefined) outlet.receivers.push(new WatermarkTap(side));
    }
  }

  #addSide(node: PlanNode, name: string, schema: Schema): void {
    const receivers: BatchReceiver[] = [];
    const readers = readersOf(this.#chain, { uid: node.uid, output: name });
    for (const { node: reader } of readers) {
      if (reader.kind === "sink") receivers.push(this.#sink(reader, undefined));
    }
    const crosses = this.#plan.edges.some(
      ({ from }) => from.chain === this.#chain.id && from.uid === node.uid && from.output === name,
    );
    if (crosses || readers.some((one) => one.node.kind !== "sink")) {
      const loader = new SideLoader(new Outlet(new BatchRegion(this.#wiring.kernel, schema)));
      this.#outlets.set(outletKey(node.uid, name), loader.outlet);
      this.#connectEdges(loader.outlet, node.uid, name);
      receivers.push(loader);
    }
    this.#sides.set(sideKey(node.uid, name), receivers);
  }

  #connectCopyingReaders(outlet: Outlet, readers: readonly Reader[]): void {
    for (const { node } of readers) {
      if (node.kind === "sink") outlet.receivers.push(this.#sink(node, outlet.region));
    }
  }

  #connectEdges(outlet: Outlet, uid: OperatorUid, output: string): void {
    for (const edge of this.#plan.edges) {
      const { from } = edge;
      if (from.chain !== this.#chain.id || from.uid !== uid || from.output !== output) continue;
      const { maxParallelism } = this.#wiring;
      const senders = this.#wiring.senders(edge.id);
      // What is only read on this side, such as a filter's condition, does not travel.
      const narrow = !equalSchemas(edge.schema, outlet.region.schema);
      const its = narrow ? this.#copyOf(outlet, edge.schema, uid) : outlet;
      const out = new EdgeOutput({ edge, region: its.region, senders, maxParallelism });
      this.#outputs.push(out);
      its.receivers.push(out);
    }
  }

  #sink(node: SinkNode, region: BatchRegion | undefined): SinkOperator {
    const writer = present(this.#writers.get(node.uid), `the writer of sink ${node.uid}`);
    return new SinkOperator(region, writer, this.#wiring.countOut);
  }
}

const outletKey = (uid: OperatorUid, output: string): string => `${uid}#${output}`;
const sideKey = outletKey;
const edgeKey = (edge: number): string => `edge ${edge}`;
