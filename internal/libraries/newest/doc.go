// Package newest tries the bots of the folder above with the newest version of each bot
// library.
package newest
