// Package fanout is the work behind the acknowledgement: callbacks become events, events become deliveries, deliveries
// are attempted until their outcome is final.
//
// The translator takes a group of callbacks and, in one transaction, writes what they mean: contacts, conversations,
// messages, events, the deliveries owed, and the work that will attempt them. The courier takes a group of deliveries
// to one webhook, attempts each by itself and settles the results; what failed becomes work of its own. The reconciler
// compares the outbox with the queue and puts in again what the queue has lost.
//
// Everything here may run twice: events are known by their content, deliveries by event and webhook, settled
// deliveries are not attempted again. What a crash can double is bounded by what was in flight.
package fanout
