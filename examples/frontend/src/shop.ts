/** The shop, with the types that its document gives. A path, field or answer that changes there is an error here. */
import createClient from "openapi-fetch";
import { askAgain, session } from "./session";
import type { components, paths } from "./schema";

export type Ticket = components["schemas"]["TicketOut"];
export type Part = components["schemas"]["PartOut"];
export type PartsChange = components["schemas"]["PartsChange"];
export type Problem = components["schemas"]["Problem"];

const TRIES = 3;
const PATIENCE = 8_000;
/** Milliseconds that an answer may take. */

/** The shop said no, and why. */
export class Refusal extends Error {
  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    super(problem.detail);
  }
}

/** Nobody knows whether the shop did it: the request or its answer was lost. */
export class NoAnswer extends Error {}

export const shop = createClient<paths>({
  baseUrl: import.meta.env.VITE_SHOP ?? "http://localhost:5000",
  fetch: send,
});

/** What was answered; raises Refusal where it is an error. */
export function answered<Data>(answer: { data?: Data; error?: Problem; response: Response }): Data {
  if (answer.error) throw new Refusal(answer.error, answer.response);
  return answer.data as Data;
}

/** The seconds that an answer asks to wait. */
export const retryAfter = (response: Response) => Number(response.headers.get("Retry-After") ?? 0);

/** Send a request as whoever is signed in; where the token has ended, ask them to sign in, and send it again. */
async function send(request: Request): Promise<Response> {
  if (session.now) request.headers.set("Authorization", `Bearer ${session.now.token}`);
  const response = await persist(request);
  if (response.status !== 401 || !session.now) return response;
  await askAgain();
  return send(request);
}

/** Send a request; again where no answer comes or the shop is busy, if doing it twice can do no harm. */
async function persist(request: Request): Promise<Response> {
  const harmless = request.method === "GET" || request.headers.has("Idempotency-Key");
  for (let left = harmless ? TRIES - 1 : 0; ; left--) {
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(PATIENCE) });
      const busy = (response.status === 503 || response.status === 409) && response.headers.has("Retry-After");
      if (!busy || !left) return response;
      await pause(retryAfter(response));
    } catch {
      if (!left) throw new NoAnswer();
      await pause(0.5);
    }
  }
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
