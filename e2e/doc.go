// Package e2e tests webhooks behind nginx and HAProxy, with the configurations in docs/.
// The tests run the real programs on loopback. They need Linux, where all addresses of
// 127.0.0.0/8 belong to this machine.
package e2e
