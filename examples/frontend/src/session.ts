/** Who is signed in. The token is kept for this tab, and forgotten with it. */

export type Session = { who: "customer" | "mechanic"; email: string; token: string };

const KEPT_AS = "session";

export const session = {
  get now(): Session | null {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "null");
  },
  begin: (signedIn: Session) => sessionStorage.setItem(KEPT_AS, JSON.stringify(signedIn)),
  end: () => sessionStorage.removeItem(KEPT_AS),
};

let asking: Promise<void> | null = null;
let ask = () => Promise.resolve();

/** How a person is asked to sign in again; the page says it when it starts. */
export const whenEnded = (how: () => Promise<void>) => (ask = how);

/** Ask once, however many requests have found out that the token has ended. */
export const askAgain = () => (asking ??= ask().finally(() => (asking = null)));
