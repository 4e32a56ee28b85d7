/** The signed-in account. sessionStorage keeps it until the tab is closed. */

export type Session = { kind: "customer" | "mechanic"; email: string; token: string };

const STORAGE_KEY = "session";

export const session = {
  get current(): Session | null {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  },
  begin: (signedIn: Session) => sessionStorage.setItem(STORAGE_KEY, JSON.stringify(signedIn)),
  end: () => sessionStorage.removeItem(STORAGE_KEY),
};

let pending: Promise<void> | null = null;
let signInAgain = () => Promise.resolve();

/** Set the function that lets the user sign in again after the token has expired. */
export const onTokenExpired = (callback: () => Promise<void>) => (signInAgain = callback);

/** Let the user sign in again; simultaneous requests share one dialog. */
export const renewToken = () => (pending ??= signInAgain().finally(() => (pending = null)));
