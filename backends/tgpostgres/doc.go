// Package tgpostgres is a tghook.Store on PostgreSQL, for replicas of one bot.
package tgpostgres
