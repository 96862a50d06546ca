// Package throwaway starts Postgres and Redis servers that nobody will miss: for tests, for the fault matrix and
// for the benchmark. The servers are the real ones, from installed binaries, listening on a loopback port only.
//
// A Program is any other server, run and ended in the same way: what the stores are there for.
//
// A Cluster is several Redis servers that share their keys, a Sentinel several of which one is the master and that have
// Sentinels to watch them: each server of either can be taken away by itself, and another takes over.
//
// A server can be stopped with its data kept (Halt), crashed (Kill) and brought back on the same port (Resume), so
// that a test can take a store away and give it back while the gateway runs. Stop ends it and removes a temporary
// directory.
//
// No server outlives the process that started it. Each is started from a goroutine locked to its OS thread, which
// stays for as long as the server runs: on Linux the kernel then signals the server when that thread, and so the
// process, ends in any way, kill -9 included (the signal follows the thread, which is why the lock matters). Other
// systems have no such signal; there Stop has to be called. Servers have a process group of their own, so that an
// interrupt typed at a terminal reaches only the program, which then stops its servers in order.
//
// What a killed program does leave behind is its temporary directory, named wabagate-*.
//
// Postgres trusts every local connection, Redis too unless a password is set: nothing here is meant for data that
// matters. This package knows nothing of the product and installs nothing; what is missing is an ErrMissing that
// says what to install.
package throwaway
