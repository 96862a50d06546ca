// Package gap looks for what should have come from the platform and did not. The platform keeps no list of what it posted and
// has no call to fetch a lost callback, so that nothing but its absence tells.
//
// # What it looks for
//
//   - Messages without a status: what the gateway sent, the platform accepted, and no status has named for Options.After. One
//     status of any kind is enough. Those that follow may never come (a phone that stays off has sent and nothing else; read
//     without delivered is usual when the chat is open), so that nothing is said about them.
//   - Numbers that fell silent against their own rhythm, see [Rhythm].
//   - Holes in the sequence of a conversation's events. The gateway gives those numbers itself and promises that none is
//     missing: a hole is a mistake of its own, and is logged as an error.
//   - Callbacks parked for numbers that nobody has connected.
//
// What it finds is told once (a message without a status with others of its number and quarter of an hour, a silence when it
// is noticed), measured, and kept for the report of a number's day.
//
// # What it costs
//
// Nothing on the way of a callback. Every few minutes one process reads the events that were made since the last time, adds
// them to the counts of their numbers' hours, and reads those of numbers that are quiet.
package gap
