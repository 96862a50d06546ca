// Package deliver makes one attempt: it connects to a customer's address without letting it reach where it must not,
// posts the bytes it is given, keeps the beginning of the answer and judges what the answer means. When to try again is
// a pure decision (Next). What bounds attempts for the good of all stands beside it: places (Lanes), turns (Rates) and
// the breaker, each over all workers. It knows nothing of queues, rows or event types.
package deliver
