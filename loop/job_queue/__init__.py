"""
The queue of jobs on Redis: asking for jobs, the workers that run them, and the Redis server of this machine.

Other rooms use: claims, connection, job_list, liveness, page_queue, progress, queue, redis_server.
"""
