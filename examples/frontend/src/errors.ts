/** Turn errors into messages that a user can act on. */
import { timeAfter } from "./format";
import { ConnectionLost, ProblemError, retryAfter } from "./shop";

/** Return the message for an error of a request; throw any other error. */
export function errorMessage(error: unknown): string {
  if (error instanceof ConnectionLost) {
    return "The shop does not answer. Please try again: what was done already is not done twice.";
  }
  if (!(error instanceof ProblemError)) throw error;
  const { problem, response } = error;
  switch (problem.status) {
    case 429:
      return `That was too often. You can do it again ${timeAfter(retryAfter(response))}.`;
    case 422:
      return Object.entries(problem.errors ?? {})
        .map(([field, messages]) => `${field.replaceAll("_", " ")} ${messages.join(", ")}`)
        .join("; ");
    case 503:
      return "The shop is busy, and nothing was changed. Please try again in a moment.";
    default:
      return problem.detail;
  }
}
