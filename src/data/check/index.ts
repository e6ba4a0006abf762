export { checkData, type CheckOptions } from './check.js';
export { reportLines } from './lines.js';
export { checkPage, shownImages } from './page.js';
export type { CheckReport, Finding, FindingItem, FindingKind, Severity, SplitReport } from './report.js';
