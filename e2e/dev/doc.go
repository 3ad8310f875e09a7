// Package dev tests the page of `tghook dev` from end to end: the built command, a bot that speaks HTTP, and Chromium.
package dev
