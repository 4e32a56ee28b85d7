/** What a person is told, in their words, and how dates and amounts are written. */
import { NoAnswer, Refusal, retryAfter } from "./shop";

const LANGUAGE = "en-GB";
const money = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", hour: "2-digit", minute: "2-digit" });

export const amount = (value: number) => money.format(value);
export const date = (value: string) => day.format(new Date(value));

/** When so many seconds have gone: «in 40 seconds», or the time of the day where that is far away. */
export function soon(seconds: number): string {
  const then = Date.now() + seconds * 1000;
  if (seconds < 60) return `in ${seconds} second${seconds === 1 ? "" : "s"}`;
  return seconds < 3600 ? `at ${clock.format(then)}` : `on ${dayAndClock.format(then)}`;
}

/** What went wrong, and what to do about it. */
export function words(error: unknown): string {
  if (error instanceof NoAnswer) {
    return "The shop does not answer. Please try again: what was done already is not done twice.";
  }
  if (!(error instanceof Refusal)) throw error;
  const { problem, response } = error;
  switch (problem.status) {
    case 429:
      return `That was too often. You can do it again ${soon(retryAfter(response))}.`;
    case 422:
      return Object.entries(problem.errors ?? {})
        .map(([field, wrong]) => `${field.replaceAll("_", " ")} ${wrong.join(", ")}`)
        .join("; ");
    case 503:
      return "The shop is busy, and nothing was changed. Please try again in a moment.";
    default:
      return problem.detail;
  }
}
