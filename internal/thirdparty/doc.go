// Package thirdparty tests tghook with other people's bot libraries. It is a
// module of its own, so that the root needs none of them.
package thirdparty
