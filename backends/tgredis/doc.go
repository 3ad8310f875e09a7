// Package tgredis is a tghook.Store on Redis or Valkey, for replicas of one bot.
package tgredis
