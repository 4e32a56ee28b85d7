/** The client of the shop. Its types come from docs/openapi.json: a change there that does not fit is a compile error here. */
import createClient from "openapi-fetch";
import { renewToken, session } from "./session";
import type { components, paths } from "./schema";

export type Ticket = components["schemas"]["TicketOut"];
export type Part = components["schemas"]["PartOut"];
export type PartsChange = components["schemas"]["PartsChange"];
export type Problem = components["schemas"]["Problem"];

const MAX_TRIES = 3;
/** Timeout of a request in milliseconds. */
const TIMEOUT_MS = 8_000;

/** The shop refused a request; `problem` says why. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    super(problem.detail);
  }
}

/** The request or its response was lost: the shop may have done it or not. */
export class ConnectionLost extends Error {}

export const shop = createClient<paths>({
  baseUrl: import.meta.env.VITE_SHOP ?? "http://localhost:5000",
  fetch: send,
});

/** Return the data of a result, or throw ProblemError. */
export function dataOf<Data>(result: { data?: Data; error?: Problem; response: Response }): Data {
  if (result.error) throw new ProblemError(result.error, result.response);
  return result.data as Data;
}

/** Return the seconds to wait before the next try. */
export const retryAfter = (response: Response) => Number(response.headers.get("Retry-After") ?? 0);

/** Send a request with the token. If the token has expired, let the user sign in again, and repeat the request. */
async function send(request: Request): Promise<Response> {
  if (session.current) request.headers.set("Authorization", `Bearer ${session.current.token}`);
  const response = await sendWithRetries(request);
  if (response.status !== 401 || !session.current) return response;
  await renewToken();
  return send(request);
}

/** Send a request. If there is no response or the shop is busy, repeat it if it is safe to run twice. */
async function sendWithRetries(request: Request): Promise<Response> {
  const isRetryable = request.method === "GET" || request.headers.has("Idempotency-Key");
  for (let retries = isRetryable ? MAX_TRIES - 1 : 0; ; retries--) {
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const isBusy = (response.status === 503 || response.status === 409) && response.headers.has("Retry-After");
      if (!isBusy || !retries) return response;
      await pause(retryAfter(response));
    } catch {
      if (!retries) throw new ConnectionLost();
      await pause(0.5);
    }
  }
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
