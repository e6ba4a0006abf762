/**
 * Where the time of a loop goes: the running work marks what it does now, and the time until the next mark is that section's.
 * Costs nothing while no profile is taken. On a GPU, operations return before they are done: times there are those of the calls.
 */

export interface ProfileRow {
  section: string;
  seconds: number;
  /** How often it was entered. */
  times: number;
}

interface Profile {
  rows: Map<string, ProfileRow>;
  section: string | undefined;
  since: number;
}

let profile: Profile | undefined;

/** Begins a profile; one at a time in a process. */
export function startProfile(): void {
  profile = { rows: new Map(), section: undefined, since: 0 };
}

/** From now on the time is that section's; undefined: nobody's. */
export function mark(section: string | undefined): void {
  if (!profile) return;
  const now = performance.now();
  if (profile.section !== undefined) {
    const row = profile.rows.get(profile.section)!;
    row.seconds += (now - profile.since) / 1000;
  }
  if (section !== undefined) {
    const row = profile.rows.get(section) ?? { section, seconds: 0, times: 0 };
    row.times++;
    profile.rows.set(section, row);
  }
  profile.section = section;
  profile.since = now;
}

/** Ends the profile. @returns the sections in the order of their first marks */
export function endProfile(): ProfileRow[] {
  mark(undefined);
  const rows = [...(profile?.rows.values() ?? [])];
  profile = undefined;
  return rows;
}
