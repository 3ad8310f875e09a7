// Package fleet runs copies of the program that is running, each as a process of its own, and
// gives connections to them in turn. A test can kill a process, or stop it for a while. Only
// tests and the programs of e2e import it. It does not build on Windows.
package fleet
