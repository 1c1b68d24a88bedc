//! Takes votes over HTTP and puts them in the queue.
