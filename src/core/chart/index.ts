export { lineChart, type Chart, type ChartLine } from './chart.js';
export type { Point } from './scale.js';
export { CHART_STYLE } from './style.js';
