/** The configuration of a training: what was chosen first, then all of it. */
import { captionFilesOf, configSchema, formatConfig, type Config } from '../../config/index.js';
import { html, type Markup } from '../../core/index.js';
import { differences } from '../output.js';

export interface Setting {
  key: string;
  value: string;
  /** null: it has none */
  defaultValue: string | null;
}

/** What has no default, then what is not as by default. */
export function chosenSettings(config: Config): Setting[] {
  const { name, output, data, encoder, decoder } = config;
  const required: [string, string][] = [
    ['encoder.name', encoder.name],
    ['decoder.type', decoder.type],
    ['data.format', data.format],
    ...captionFilesOf(data).map(({ file, split }): [string, string] => [
      split ? `data.captions.${split}` : 'data.captions',
      file,
    ]),
    ['data.images', data.images],
  ];
  const defaults = configSchema.safeParse({
    ...{ name, output, data, encoder: { name: encoder.name }, decoder: { type: decoder.type } },
  });
  return [
    ...required.map(([key, value]) => ({ key, value: JSON.stringify(value), defaultValue: null })),
    ...(defaults.success ? differences(defaults.data, config) : [])
      .filter(({ key, after }) => key !== 'about' && after !== 'not set')
      .map(({ key, before, after }) => ({ key, value: after, defaultValue: before })),
  ];
}

export function settingsSection(config: Config): Markup {
  return html`<section aria-labelledby="settings">
    <h2 id="settings">Settings</h2>
    <details>
      <summary>What was chosen</summary>
      <div class="scroll" tabindex="0">
        <table>
          <thead>
            <tr>
              <th scope="col">setting</th>
              <th scope="col">value</th>
              <th scope="col">by default</th>
            </tr>
          </thead>
          <tbody>
            ${chosenSettings(config).map(
              ({ key, value, defaultValue }) =>
                html`<tr>
                  <th scope="row">${key}</th>
                  <td>${value}</td>
                  <td>${defaultValue ?? ''}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
    <details>
      <summary>All of config.yaml</summary>
      <pre tabindex="0">${formatConfig(config)}</pre>
    </details>
  </section>`;
}
