/**
 * Three pictures painted by code, free to ship: what photos of everyday scenes show, as far as shapes, light and grain
 * can tell it. 320x240 SVG; `sharp` turns them into PNG.
 */

export interface PaintedPicture {
  /** What is painted, for a person who cannot see it. */
  name: string;
  svg: string;
}

const WIDTH = 320;
const HEIGHT = 240;

function painting(name: string, definitions: string, body: string): PaintedPicture {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">` +
    `<defs>${GRAIN}${definitions}</defs>${body}` +
    `<rect width="${WIDTH}" height="${HEIGHT}" filter="url(#grain)" opacity="0.10"/></svg>`;
  return { name, svg };
}

/** Film grain over the whole picture, and soft edges for what is far away. */
const GRAIN =
  '<filter id="grain"><feTurbulence type="fractalNoise" baseFrequency="0.8" numOctaves="2" seed="4"/><feColorMatrix type="saturate" values="0"/></filter>' +
  '<filter id="soft"><feGaussianBlur stdDeviation="2.2"/></filter><filter id="blur"><feGaussianBlur stdDeviation="6"/></filter>';

const vertical = (id: string, ...stops: [offset: number, colour: string][]): string =>
  `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stops
    .map(([offset, colour]) => `<stop offset="${offset}" stop-color="${colour}"/>`)
    .join('')}</linearGradient>`;

/** Turbulence as the texture of a surface: its contrast darkens and lightens what lies below. */
const texture = (id: string, frequency: string, colour: string): string =>
  `<filter id="${id}"><feTurbulence type="fractalNoise" baseFrequency="${frequency}" numOctaves="4" seed="7"/>` +
  `<feColorMatrix values="0 0 0 0 ${colour} 1.9 0 0 0 -0.75"/></filter>`;

/** A brown dog running over grass, trees behind it. */
const dog = painting(
  'A brown dog runs over grass',
  vertical('meadow', [0, '#86a653'], [0.3, '#6d9440'], [1, '#4c7a2b']) +
    vertical('far', [0, '#c3d3d6'], [1, '#8ea886']) +
    vertical('coat', [0, '#b57a42'], [0.6, '#8d5729'], [1, '#5f3818']) +
    texture('blades', '0.09 0.35', '0.13 0 0 0 0 0.25 0 0 0 0 0.04'),
  `<rect width="320" height="100" fill="url(#far)"/>
  <g filter="url(#blur)"><ellipse cx="40" cy="62" rx="60" ry="38" fill="#4d6b41"/><ellipse cx="140" cy="70" rx="60" ry="28" fill="#5d7b4b"/><ellipse cx="260" cy="58" rx="80" ry="42" fill="#486440"/></g>
  <rect y="92" width="320" height="148" fill="url(#meadow)"/>
  <rect y="92" width="320" height="148" filter="url(#blades)" opacity="0.8"/>
  <ellipse cx="160" cy="205" rx="88" ry="9" fill="#24420f" opacity="0.55" filter="url(#soft)"/>
  <g fill="none" stroke-linecap="round" stroke-linejoin="round">
    <path d="M106 154Q86 172 66 182L58 190" stroke="#6a3f1c" stroke-width="11"/>
    <path d="M205 158Q224 174 240 180L250 182" stroke="#6a3f1c" stroke-width="10"/>
    <path d="M92 128Q70 112 58 92" stroke="#9a6231" stroke-width="8"/>
  </g>
  <path d="M88 124Q110 108 150 114Q184 114 208 104L226 122Q218 152 204 164Q180 166 158 160Q128 166 104 168Q80 150 88 124Z" fill="url(#coat)"/>
  <g fill="none" stroke-linecap="round" stroke-linejoin="round">
    <path d="M112 156Q108 178 92 190L86 200" stroke="#85522a" stroke-width="12"/>
    <path d="M196 156Q206 180 198 194L208 202" stroke="#85522a" stroke-width="11"/>
  </g>
  <path d="M204 110Q208 88 230 84Q250 82 256 94L276 102Q282 108 276 114L254 120Q238 132 222 126Z" fill="#a86d38"/>
  <path d="M222 88Q208 90 206 112Q208 122 218 120Q228 108 230 92Z" fill="#5b3416"/>
  <path d="M252 112Q262 118 270 114L262 128Q256 128 252 112Z" fill="#d4696f"/>
  <ellipse cx="276" cy="104" rx="5" ry="4" fill="#1a120c"/><circle cx="246" cy="97" r="3" fill="#1a120c"/><circle cx="247" cy="96" r="0.9" fill="#fff"/>
  <path d="M206 122Q214 134 226 130" fill="none" stroke="#b3252b" stroke-width="5"/>
  <path d="M110 118Q150 108 196 116Q150 120 112 128Z" fill="#d09a5f" opacity="0.55" filter="url(#soft)"/>`,
);

/** A child walking along the sea at sunset, seen against the light. */
const child = painting(
  'A child walks along the beach at sunset',
  vertical('dusk', [0, '#3f4f86'], [0.45, '#c97f7a'], [0.8, '#f6b25f'], [1, '#ffdc8c']) +
    vertical('sea', [0, '#f2b46a'], [0.3, '#a97577'], [1, '#4d5379']) +
    vertical('beach', [0, '#8a6a58'], [1, '#4d392f']) +
    texture('ripples', '0.02 0.25', '0.2 0 0 0 0 0.15 0 0 0 0 0.25'),
  `<rect width="320" height="128" fill="url(#dusk)"/>
  <g filter="url(#soft)" fill="#f7a574" opacity="0.7"><ellipse cx="80" cy="46" rx="70" ry="5"/><ellipse cx="240" cy="62" rx="90" ry="6"/><ellipse cx="150" cy="80" rx="60" ry="4"/></g>
  <circle cx="216" cy="112" r="34" fill="#ffe9a8" opacity="0.7" filter="url(#blur)"/><circle cx="216" cy="114" r="14" fill="#fff6cf"/>
  <rect y="124" width="320" height="62" fill="url(#sea)"/>
  <path d="M196 126H236L250 186H182Z" fill="#ffe19a" opacity="0.6" filter="url(#soft)"/>
  <rect y="124" width="320" height="62" filter="url(#ripples)" opacity="0.7"/>
  <path d="M0 184Q60 174 120 184T240 182T320 180V240H0Z" fill="url(#beach)"/>
  <path d="M0 184Q60 174 120 184T240 182T320 180" fill="none" stroke="#fff3dc" stroke-width="4" opacity="0.8" filter="url(#soft)"/>
  <path d="M112 214L40 236H64L122 216Z" fill="#1d1513" opacity="0.5" filter="url(#soft)"/>
  <g fill="#2a1d22" stroke="#2a1d22" stroke-linecap="round" stroke-linejoin="round">
    <circle cx="118" cy="126" r="11"/><path d="M106 126Q104 112 118 113Q132 112 130 128Q124 116 112 120Z"/>
    <path d="M108 140Q118 134 128 140L132 178H104Z" fill="#8c2f3b" stroke="#5d1f2a"/>
    <path d="M110 144L94 164M127 144L142 160" fill="none" stroke-width="6"/>
    <path d="M112 178L106 200L102 214M124 178L130 196L138 210" fill="none" stroke-width="7"/>
  </g>
  <path d="M128 117Q135 126 129 135" fill="none" stroke="#ffc98a" stroke-width="2.2" opacity="0.9"/>`,
);

/** A surfer on a breaking wave. */
const surfer = painting(
  'A surfer rides a wave',
  vertical('air', [0, '#9cc6e2'], [1, '#dcebf2']) +
    vertical('wave', [0, '#4fb0b5'], [0.4, '#1f7f93'], [1, '#0d4a66']) +
    texture('water', '0.018 0.09', '0.75 0 0 0 0 0.92 0 0 0 0 0.96'),
  `<rect width="320" height="90" fill="url(#air)"/>
  <rect y="70" width="320" height="170" fill="#1c6480"/>
  <path d="M0 96Q60 40 150 46Q240 52 320 110V240H0Z" fill="url(#wave)"/>
  <rect y="60" width="320" height="180" filter="url(#water)" opacity="0.42"/>
  <path d="M0 96Q60 40 150 46Q110 60 92 96Q70 132 84 168Q40 190 0 186Z" fill="#eef6f8" opacity="0.92" filter="url(#soft)"/>
  <path d="M0 110Q50 70 110 64Q70 110 78 168L0 190Z" fill="#ffffff" opacity="0.5" filter="url(#soft)"/>
  <g fill="#f6fbfc" filter="url(#soft)"><ellipse cx="152" cy="48" rx="46" ry="6"/><ellipse cx="106" cy="176" rx="60" ry="12"/><ellipse cx="60" cy="204" rx="90" ry="14"/></g>
  <path d="M134 196Q190 176 258 184Q240 200 170 204Q146 204 134 196Z" fill="#f3e3c2" stroke="#b3773a" stroke-width="2"/>
  <path d="M120 200Q150 206 190 202L150 214Q110 214 96 208Z" fill="#ffffff" opacity="0.85" filter="url(#soft)"/>
  <g fill="none" stroke-linecap="round" stroke-linejoin="round">
    <path d="M184 150L166 168L172 192M192 150L214 164L222 188" stroke="#191d26" stroke-width="12"/>
    <path d="M186 152Q186 128 198 114" stroke="#232a38" stroke-width="19"/>
    <path d="M196 116L166 122L150 112M200 118L226 130L246 122" stroke="#232a38" stroke-width="8"/>
    <path d="M152 113L146 108M244 123L251 119" stroke="#d19a72" stroke-width="7"/>
  </g>
  <circle cx="206" cy="98" r="11" fill="#d19a72"/><path d="M195 97Q196 84 208 85Q219 87 217 98Q210 90 200 95Z" fill="#3a2718"/>`,
);

export const PICTURES: readonly PaintedPicture[] = [dog, child, surfer];
