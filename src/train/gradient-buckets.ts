/**
 * How the gradients of all processes become one: laid out one behind the other in the order in which the backward pass
 * completes them, cut into buckets of one size, each summed as soon as it is full (Li et al. 2020, PyTorch Distributed).
 * The first step finds out the order, and sends its buckets at its end.
 */
import { tf } from '../backend/index.js';
import type { PendingSum, Wire, World } from '../distributed/index.js';
import type { Gradients, Variables } from './optimizers/index.js';

const FLOAT_BYTES = 4;

/** Of one process, or of all of them. */
export interface Learnt {
  /** Mean per token. */
  loss: tf.Scalar;
  gradients: Gradients;
  tokens: number;
  reward?: number;
  /** That the reward is a mean over. */
  images: number;
}

/** Where each gradient lies among all of them. */
interface Layout {
  names: string[];
  places: Map<string, { index: number; offset: number; size: number }>;
  /** All gradients of a step, each sum of batches' means times their tokens. */
  values: Float32Array;
}

export interface BucketOptions {
  /** Size of a bucket, MiB of float32. */
  bucketMiB: number;
  wire: Wire;
}

/** What the steps of a training share. */
interface Context {
  world: World;
  variables: Variables;
  options: BucketOptions;
  /** By what the steps learn. */
  layouts: Map<string, Layout>;
}

export class GradientBuckets {
  private readonly context: Context;

  constructor(world: World, variables: Variables, options: BucketOptions) {
    this.context = { world, variables, options, layouts: new Map() };
  }

  /**
   * @param learns what tells steps apart that have gradients of other variables; the same in all processes
   * @param batches of this process whose gradients make the step; 0: none, and the others' are its own
   */
  begin(learns: string, batches: number): StepGradients {
    return new StepGradients(this.context, learns, batches);
  }
}

function layoutOf(names: string[], variables: Variables): Layout {
  const places: Layout['places'] = new Map();
  let offset = 0;
  names.forEach((name, index) => {
    const { size } = variables.get(name)!;
    places.set(name, { index, offset, size });
    offset += size;
  });
  return { names, places, values: new Float32Array(offset) };
}

/** The gradients of one step on their way. */
export class StepGradients {
  private readonly waiting: { name: string; values: Float32Array; tokens: number }[] = [];
  private layout: Layout | undefined;
  /** Batches that each gradient has come from, by its place. */
  private arrived: number[] = [];
  /** Gradients, from the first, that are complete. */
  private complete = 0;
  /** Numbers that were sent. */
  private sent = 0;
  private underWay: PendingSum[] = [];
  private readonly facts = { tokens: 0, loss: 0, reward: 0, images: 0 };

  constructor(
    private readonly context: Context,
    private readonly learns: string,
    private readonly batches: number,
  ) {
    const layout = context.layouts.get(learns);
    if (layout) this.use(layout);
  }

  /** Takes a complete gradient of one batch, a mean over its tokens. */
  add(name: string, gradient: tf.Tensor, tokens: number): void {
    const values = gradient.dataSync<'float32'>();
    if (!this.layout) {
      this.waiting.push({ name, values, tokens });
      return;
    }
    this.put(this.layout, name, values, tokens);
    this.send(this.layout);
  }

  /** Gives the sums that are under way time to go on. */
  advance(): void {
    this.underWay = this.underWay.filter((sum) => !sum.advance());
  }

  /** Takes over what a batch gave, whose gradients were all added. */
  endBatch({ loss, gradients, tokens, reward, images }: Learnt): void {
    this.facts.tokens += tokens;
    this.facts.loss += loss.dataSync()[0] * tokens;
    if (reward !== undefined) {
      this.facts.reward += reward * images;
      this.facts.images += images;
    }
    tf.dispose([loss, ...gradients.values()]);
  }

  /**
   * The mean of all processes, each counting as much as its tokens.
   * @param stop whether this process wants to end the training; one is enough
   */
  finish(stop: boolean): Learnt & { stop: boolean } {
    const layout = this.layout ?? this.agree();
    this.send(layout);
    if (this.complete < layout.names.length) {
      throw new Error(`rank ${this.context.world.rank} has no gradient of ${layout.names[this.complete]}`);
    }
    const { tokens, loss, reward, images } = this.facts;
    const facts = Float32Array.of(Number(stop), tokens, loss, reward, images);
    this.context.world.sum(facts);
    for (const sum of this.underWay) sum.finish();
    const [stops, all, losses, rewards, rewarded] = facts;
    const mean = (name: string) => {
      const { offset, size } = layout.places.get(name)!;
      const sum = layout.values.slice(offset, offset + size);
      return tf.tidy(() => tf.div(tf.tensor(sum, this.context.variables.get(name)!.shape), all));
    };
    return {
      loss: tf.scalar(losses / all),
      gradients: new Map(layout.names.map((name) => [name, mean(name)])),
      tokens: all,
      stop: stops > 0,
      images: rewarded,
      ...(rewarded > 0 && { reward: rewards / rewarded }),
    };
  }

  /** On the order of rank 0, which has batches if any process has. */
  private agree(): Layout {
    const order = [...new Set(this.waiting.map(({ name }) => name))];
    const [first] = this.context.world.gather(JSON.stringify(order));
    const layout = layoutOf(JSON.parse(first) as string[], this.context.variables);
    this.context.layouts.set(this.learns, layout);
    this.use(layout);
    for (const { name, values, tokens } of this.waiting) this.put(layout, name, values, tokens);
    return layout;
  }

  private use(layout: Layout): void {
    layout.values.fill(0);
    this.arrived = layout.names.map(() => 0);
    this.layout = layout;
  }

  private put({ places, values: all }: Layout, name: string, values: Float32Array, tokens: number): void {
    const place = places.get(name);
    if (!place)
      throw new Error(`rank ${this.context.world.rank} has a gradient of ${name}, which rank 0 has not`);
    for (let i = 0; i < place.size; i++) all[place.offset + i] += tokens * values[i];
    this.arrived[place.index]++;
  }

  /** Starts the sums of full buckets, in their order, which all processes keep, and lets earlier ones go on. */
  private send({ names, places, values }: Layout): void {
    while (this.complete < names.length && this.arrived[this.complete] === this.batches) this.complete++;
    const { bucketMiB, wire } = this.context.options;
    const bucket = Math.max(1, Math.floor((bucketMiB * 2 ** 20) / FLOAT_BYTES));
    const end = this.complete < names.length ? places.get(names[this.complete])!.offset : values.length;
    while (this.sent < end && (end === values.length || this.sent + bucket <= end)) {
      const next = Math.min(this.sent + bucket, values.length);
      this.underWay.push(this.context.world.startSum(values.subarray(this.sent, next), wire));
      this.sent = next;
    }
    this.advance();
  }
}
