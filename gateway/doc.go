// Package gateway is where the platform's callbacks arrive. It checks the signature over the bytes as they came, makes
// the callback durable and answers 200, in that order; everything else happens later and elsewhere.
//
// Durable means committed to the database or, while the database is away, taken by Redis; when neither can, the answer
// is 503 and the platform keeps its copy. Callbacks are committed in groups: one commit carries all that arrived while
// the last one ran. No request reads the database, and none waits for a worker.
package gateway
