/** What the service counts, in Prometheus' text format. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** @param gauges read when the metrics are asked for */
export function createMetrics(gauges: {
  inFlight: () => number;
  waiting: () => number;
  ready: () => boolean;
}) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('showtell_requests_in_flight', 'Caption requests under way', gauges.inFlight);
  gauge('showtell_queue_waiting', 'Photos that wait for a batch, counted for each model', gauges.waiting);
  gauge('showtell_models_ready', 'Whether the models are loaded', () => Number(gauges.ready()));
  return {
    registry,
    requests: new Counter({
      name: 'showtell_http_requests_total',
      help: 'Answered requests',
      labelNames: ['route', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'showtell_http_request_seconds',
      help: 'From the head of a request to the head of its answer',
      labelNames: ['route'],
      buckets: SECONDS,
      registers,
    }),
    refused: new Counter({
      name: 'showtell_refused_total',
      help: 'Requests that were refused, by the code of the error',
      labelNames: ['code'],
      registers,
    }),
    captions: new Counter({
      name: 'showtell_photos_captioned_total',
      help: 'Photos captioned by a model',
      labelNames: ['model'],
      registers,
    }),
    wait: new Histogram({
      name: 'showtell_queue_wait_seconds',
      help: 'How long a photo waited for its batch',
      buckets: SECONDS,
      registers,
    }),
    batch: new Histogram({
      name: 'showtell_batch_photos',
      help: 'Photos of a batch',
      labelNames: ['model'],
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    }),
    restarts: new Counter({
      name: 'showtell_model_restarts_total',
      help: 'Starts of the process of the models after it had died',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
