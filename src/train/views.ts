/** What shows a training as it goes, beside the log: files for TensorBoard, with pictures, and a report. */
import { join } from 'node:path';
import type { Config } from '../config/index.js';
import type { Log } from '../core/index.js';
import type { JournalEntry } from './journal.js';
import { Optional } from './optional.js';
import type { OwnOutput } from './output.js';
import { drawPictures, type AttendedSample } from './pictures.js';
import { GrowingReport } from './report/index.js';
import { describeRun } from './runs.js';
import { TensorBoard } from './tensorboard.js';

export class Views {
  private readonly board: TensorBoard;
  private readonly report: GrowingReport;
  private readonly pictures: Optional;
  private readonly reports: Optional;

  /** @param step behind which the training begins or goes on */
  constructor(
    private readonly context: { config: Config; output: OwnOutput; log: Log },
    step: number,
  ) {
    const { config, log } = context;
    this.board = new TensorBoard(join(config.output, 'tensorboard'), step);
    this.report = new GrowingReport(join(config.output, 'report.html'));
    this.pictures = new Optional(log, 'no pictures of the attention in TensorBoard');
    this.reports = new Optional(log, 'no report');
  }

  /** @throws Error where the disk does not take it */
  add(entry: JournalEntry): void {
    this.board.add(entry);
  }

  /** Pictures of what the decoder looked at after `step`; without those that cannot be drawn. */
  async showAttention(step: number, samples: readonly AttendedSample[]): Promise<void> {
    const drawn = await drawPictures(this.context.config, samples, this.pictures);
    await this.pictures.attempt(() => this.board.addPictures(step, drawn));
  }

  /** Writes the report; what goes wrong is said once. */
  async writeReport(entries: readonly JournalEntry[], running: boolean): Promise<void> {
    const { config, output } = this.context;
    await this.reports.attempt(async () => {
      output.check();
      await this.report.write(describeRun(config.output, config, entries, running), entries);
    });
  }
}
