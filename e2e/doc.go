// Package e2e holds the tests of webhooks behind nginx and HAProxy, with the
// configurations that stand in docs/. They run the real programs on loopback, and
// need Linux, where all of 127.0.0.0/8 is this machine.
package e2e
