/** Text that was damaged on its way: read in the wrong encoding, or with characters that no caption has. */

/** What Windows-1252 has at 0x80 to 0x9f, in order; the rest of it is Latin-1. */
const AT_0X80 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const windows1252 = new Map(Array.from(AT_0X80, (character, i) => [character, 0x80 + i]));

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A text whose UTF-8 was once read as Windows-1252 or Latin-1 ("CafÃ©" for "Café"), mended; undefined: it was not. Every
 * run of characters above ASCII is put back to bytes: by chance they are hardly ever valid UTF-8.
 */
export function mendMojibake(text: string): string | undefined {
  let mended = false;
  const result = text.replace(/[^\x00-\x7f]+/g, (run) => {
    const bytes = Array.from(run, (c) => windows1252.get(c) ?? c.codePointAt(0)!);
    if (bytes.some((byte) => byte > 0xff)) return run;
    try {
      const read = utf8.decode(Uint8Array.from(bytes));
      mended = true;
      return read;
    } catch {
      return run;
    }
  });
  return mended ? result : undefined;
}

/** Whether a decoder gave up on a byte. */
export const hasReplacementCharacter = (text: string): boolean => text.includes('\uFFFD');

// Tab and line ends separate words as a space does; a byte order mark has no place within a text.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff]/;

/** The first control character of a text, as `U+0007`. */
export function controlCharacter(text: string): string | undefined {
  const found = CONTROL.exec(text)?.[0];
  return found && `U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}
