// Package trigger has a running gateway send one sample event to one of a business's webhooks, and says what came of it.
// It speaks the gateway's own API and knows nothing that any other client could not know.
package trigger
