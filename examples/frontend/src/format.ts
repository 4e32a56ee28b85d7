/** Write amounts, dates and times. */

const LANGUAGE = "en-GB";
const money = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeZone: "UTC" });
const time = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", hour: "2-digit", minute: "2-digit" });

export const amount = (value: number) => money.format(value);
export const date = (value: string) => day.format(new Date(value));

/** Return the moment after a number of seconds: "in 40 seconds", or a time of day if it is a minute or more. */
export function timeAfter(seconds: number): string {
  const moment = Date.now() + seconds * 1000;
  if (seconds < 60) return `in ${seconds} second${seconds === 1 ? "" : "s"}`;
  return seconds < 3600 ? `at ${time.format(moment)}` : `on ${dayAndTime.format(moment)}`;
}
