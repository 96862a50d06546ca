// Package task is the queue as the rest of the gateway sees it: pieces of work go in, handlers get them out.
//
// A task carries the id of an outbox row and the ids of its members, nothing else: payloads, phone numbers and secrets
// stay out of Redis, and a task that is lost or doubled does no harm. The task's id is the row's id, so that work
// which the queue knows already is not queued again.
//
// asynq looks for tasks by polling. To be quick without polling a thousand times a second, every enqueue rings a bell
// (a Redis message), and a server whose queues were empty waits for the bell instead of asking Redis again; it looks
// by itself four times a second in case a ring is lost. The waiting happens in a hook on the server's Redis client,
// around the script that takes a task (see bell.go), so asynq itself is used as it is.
package task
