/**
 * Predicts what many workers would do, from what one was measured to do: its step, the bytes of its gradients, what MPI costs
 * on its own machine, and the bandwidth of a link. Steps and exchange do not overlap; nobody is late; the network has no bottleneck.
 */

/** A worker, measured. */
export interface Workload {
  label: string;
  /** Seconds of a step without exchange. */
  step: number;
  /** Of a step. */
  images: number;
  /** Bytes of gradients. */
  bytes: number;
  /** That a worker computes on. */
  cores: number;
}

export interface Link {
  name: string;
  /** Bytes/s in each direction, of an all-reduce. */
  bandwidth: number;
  /** Seconds of the smallest message. */
  latency: number;
}

/** What exchanging costs a worker beside the wire: copies from and to the device, sums. */
export interface Exchange {
  /** Bytes/s of gradients. */
  rate: number;
  /** Bytes of one call. */
  bucket: number;
}

/** @param reach share of the published bandwidth that an all-reduce gets */
const gigabits = (name: string, rate: number, reach: number, latency: number): Link => ({
  name: `${rate} Gb/s ${name}`,
  bandwidth: (reach * rate * 1e9) / 8,
  latency,
});

/**
 * Rates are the standards'. That MPI gets half of them by TCP and 0.9 without it is an assumption, and latencies are orders of
 * magnitude: 25 µs through the kernel's TCP, 2 µs without it.
 */
export const links: readonly Link[] = [
  gigabits('Ethernet', 10, 0.5, 25e-6),
  gigabits('Ethernet', 25, 0.5, 25e-6),
  gigabits('Ethernet', 100, 0.5, 25e-6),
  gigabits('InfiniBand', 200, 0.9, 2e-6),
  gigabits('InfiniBand', 400, 0.9, 2e-6),
];

export const workerCounts: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** i);

/** The photos that prices are for. */
export const PHOTOS = 1e8;

/**
 * Seconds of an all-reduce of `bytes` over `workers`: each bucket by the faster of a ring and a butterfly (recursive doubling), which
 * sends all in every one of its few rounds.
 */
export function allReduce(workers: number, bytes: number, link: Link, bucket: number): number {
  if (workers === 1) return 0;
  const once = (size: number) => {
    const ring = (2 * (workers - 1) * size) / (workers * link.bandwidth) + 2 * (workers - 1) * link.latency;
    const butterfly = Math.ceil(Math.log2(workers)) * (size / link.bandwidth + link.latency);
    return Math.min(ring, butterfly);
  };
  const full = Math.floor(bytes / bucket);
  const rest = bytes - full * bucket;
  return full * once(bucket) + (rest > 0 ? once(rest) : 0);
}

/** Whether each worker keeps its images a step, or all share those of one, as with an unchanged `training.batchSize`. */
export type Scaling = 'kept' | 'shared';

/** Images/s of all workers, as a share of what as many would do that exchanged nothing. A step takes as long as it has images. */
export function efficiency(
  workers: number,
  { step, images, bytes }: Workload,
  link: Link,
  exchange: Exchange,
  scaling: Scaling = 'kept',
): number {
  if (workers === 1) return 1;
  const exchanged = allReduce(workers, bytes, link, exchange.bucket) + bytes / exchange.rate;
  if (scaling === 'kept') return step / (step + exchanged);
  // A worker has one image, or stands idle.
  return step / workers / (step / Math.min(workers, images) + exchanged);
}

/** The most workers, of powers of two, each of which does at least half of what it could; 1 where two do not. */
export function payingUpTo(
  workload: Workload,
  link: Link,
  exchange: Exchange,
  scaling: Scaling = 'kept',
): number {
  const pays = (workers: number) => efficiency(workers, workload, link, exchange, scaling) >= 0.5;
  return workerCounts.filter(pays).at(-1)!;
}

/** Core-hours for training on, or captioning, {@link PHOTOS} once. */
export function coreHours(imagesPerSecondAndCore: number): number {
  return PHOTOS / imagesPerSecondAndCore / 3600;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const whole = (value: number) => Math.round(value).toLocaleString('en-US');

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

export interface Prices {
  /** Of a core-hour, in the reader's currency. */
  coreHour: number;
}

/** Markdown: a table for each workload, and what stands under them. */
export function formatPredictions(
  workloads: readonly Workload[],
  exchange: Exchange,
  { coreHour }: Prices,
): string {
  const parts = workloads.map((workload) => {
    const { label, step, images, bytes, cores } = workload;
    const rows = links.map((link) => {
      const of = (workers: number) => efficiency(workers, workload, link, exchange);
      const last = workerCounts.at(-1)!;
      const rate = (last * images * of(last)) / step;
      const hours = coreHours(rate / (last * cores));
      return [
        link.name,
        ...workerCounts.map((workers) => percent(of(workers))),
        ...(['kept', 'shared'] as const).map((scaling) => {
          const paying = payingUpTo(workload, link, exchange, scaling);
          return paying === last ? `past ${whole(last)}` : whole(2 * paying);
        }),
        whole(rate),
        whole(hours),
        whole(hours * coreHour),
      ];
    });
    const measured = `measured: ${(1000 * step).toFixed(0)} ms a step of ${images} images on ${cores} cores, ${(bytes / 2 ** 20).toFixed(1)} MiB of gradients`;
    const head = [
      ...['link', ...workerCounts.map(whole), 'below half by', 'one batch shared', 'images/s by 1,024'],
      ...['core-hours', `price at ${coreHour}`],
    ];
    return `${label} (${measured}); predicted efficiency by workers:\n\n${table(head, rows)}`;
  });
  return parts.join('\n\n');
}

/** Captioning exchanges nothing: workers take whole shards. */
export function formatCaptioning(imagesPerSecondAndCore: number, { coreHour }: Prices): string {
  const hours = coreHours(imagesPerSecondAndCore);
  return (
    `captioning ${whole(PHOTOS)} photos (measured: ${imagesPerSecondAndCore.toFixed(1)} images/s and core); predicted: ` +
    `${whole(hours)} core-hours, ${whole(hours * coreHour)} at ${coreHour} a core-hour`
  );
}
