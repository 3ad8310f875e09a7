// Package engine starts the real servers that the Stores need: each in a folder of its own,
// on a free port of the loopback interface. A test can kill a server and start it again on
// the same port with the same data. Only tests and the programs of e2e import it. It does
// not build on Windows.
package engine
