//! The AMQP 0-9-1 door, with RabbitMQ's extensions.
