// Package thirdparty tests tghook with other people's routers, middleware and bot
// libraries. It is a module of its own, so that the root needs none of them.
package thirdparty
