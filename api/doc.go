// Package api is the room where people and their programs look at the gateway and change it: the customer API under
// /api/client, the dashboard, the built-in inspector, the operators' queue monitor, health and metrics.
//
// It promises that everything is scoped to the caller's business (another's id is 404), that a listing never shows a
// secret, and that every refusal is one JSON shape made in one place (ErrorHandler). Handlers are thin: what a request
// may ask for is decided by pure functions with table tests, and the JSON API and the dashboard's forms share them.
// Fiber's types stay in this room. How the pages look is left to package dashboard.
//
// 2026-11-21: cross-site requests are told by Sec-Fetch-Site and Origin and not by tokens in forms. The session cookie
// is SameSite=Lax; the check covers what Lax lets through. Requests with an Authorization header are exempt, because no
// other site can make a browser send one.
//
// 2026-11-21: a webhook is kept, unverified, before its receiver is challenged: it is there whatever becomes of the
// request, and a receiver that looks it up, as the inspector does, finds it. The latest challenge decides: who asks again
// about a verified receiver and gets no answer has an unverified webhook.
//
// 2026-11-21: an inspector bin belongs to the business of the oldest webhook that points at it, and takes requests only
// while there is one. A bin is part of a URL that anybody may type into a webhook; without an owner, knowing the URL
// would be enough to read another business's messages, and an open bin would be free storage for the whole internet.
//
// 2026-11-21: what a role may do is decided by the route (rightsAt), and what a change is called in the audit log too (actionOf),
// in the one door through which every route of a business goes (client). A route that is new is closed to readers and recorded
// before anybody thinks of it; handlers add only names and what was before. An entry names a customer by an id and nothing
// else, so that an erasure need not look there. It is written after the change, not with it: a process that is killed between
// the two leaves a change without an entry.
package api
