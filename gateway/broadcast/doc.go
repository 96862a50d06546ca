// Package broadcast sends one message to many: it makes the messages of a running broadcast, a few seconds' worth at a time,
// and package sending gives them to the platform.
//
// # How it goes on
//
// A broadcast is a plan ([models.BroadcastPlan]) with its recipients, each of whom has a place. The engine ([Engine.Run])
// gives the next of them their turn in one transaction: their messages are made, with the place in each, and the plan's own
// place moves behind them. So a process that dies at any moment has made a recipient's message or has not, and whoever goes
// on begins with the first who had no turn. Several processes may run engines; a broadcast is one's at a time, and another's
// when the first has not come back for a while.
//
// No more than a few seconds' worth of messages wait for their turn to be sent, so that a pause or an end takes effect at
// once; what waits for another attempt does not hold up the others, within bounds.
//
// # How it ends
//
// When every turn has come and every message is settled, the broadcast's total becomes what really went to the platform, and
// the plan is completed, or cancelled if that is what it was. What the platform then reports of the messages is counted by
// the tracking strings, which is what tells that a broadcast is complete.
package broadcast
