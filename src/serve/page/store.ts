/** What a browser keeps for the page. One that keeps nothing (private windows, blocked storage) is no reason to fail. */

/** What was kept last, or null. @param area `localStorage` stays, `sessionStorage` ends with the tab */
export function recall(area: 'localStorage' | 'sessionStorage', name: string): string | null {
  try {
    return window[area].getItem(name);
  } catch {
    return null;
  }
}

export function keep(area: 'localStorage' | 'sessionStorage', name: string, value: string): void {
  try {
    window[area].setItem(name, value);
  } catch {
    // Then it is asked for again the next time.
  }
}
