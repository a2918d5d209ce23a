/** The admin token, for as long as the tab is open. A browser that may not keep it asks again at each load. */

const KEY = 'switchboard-admin-token';

/** @returns {string | null} */
export function recall() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string} token */
export function keep(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {}
}

export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {}
}
