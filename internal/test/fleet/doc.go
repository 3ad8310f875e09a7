// Package fleet runs copies of the running program as processes, and passes connections to them
// in turn. A test can kill or pause a process. Only tests and the programs of e2e import it. It
// does not build on Windows.
package fleet
