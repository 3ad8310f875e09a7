// Package packaging tests the files of packaging/serve by the libraries of those who read them:
// the manifests by the types of Kubernetes, and the Compose files by the loader of Compose. It is
// a module of its own, so that nobody else needs these libraries.
package packaging
