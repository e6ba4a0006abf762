import tseslint from 'typescript-eslint';

/** Which rooms a room may import from (docs/architecture.md); `src/index.ts` is the public door. */
const rooms = {
  core: [],
  backend: ['core'],
  config: ['core'],
  metrics: ['core'],
  distributed: ['core'],
  data: ['core', 'config'],
  models: ['core', 'backend'],
  evaluation: ['core', 'config', 'metrics', 'data'],
  checkpoint: ['core', 'config', 'data', 'models'],
  infer: ['core', 'backend', 'config', 'metrics', 'data', 'models', 'evaluation', 'checkpoint'],
  train: [
    ...['core', 'backend', 'config', 'distributed', 'metrics', 'data'],
    ...['models', 'evaluation', 'checkpoint', 'infer'],
  ],
  serve: ['core', 'backend', 'config', 'metrics', 'data', 'models', 'evaluation', 'checkpoint', 'infer'],
  demo: [
    ...[
      'core',
      'backend',
      'config',
      'metrics',
      'data',
      'models',
      'evaluation',
      'checkpoint',
      'infer',
      'train',
    ],
  ],
};

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  files: [`src/${room}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${[...Object.keys(rooms), 'cli']
              .filter((other) => other !== room && !allowed.includes(other))
              .join('|')})/`,
            message: `src/${room} may import only from: ${allowed.join(', ') || 'nothing of ours'}.`,
          },
          {
            regex: `^(\\.\\./)+(${Object.keys(rooms).join('|')})/(?!index\\.js$)`,
            message: 'Enter another room by its door, index.js.',
          },
          { regex: '^natural$', message: "Import natural's submodules; its root has side effects." },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'checkpoints', 'datasets', 'out'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      'max-lines': ['error', 400],
    },
  },
  { files: ['scripts/**', 'bin/**', 'bench/**', 'src/cli/**'], rules: { 'no-console': 'off' } },
  ...roomRules,
);
